"""What curvefeed is made of: bills of materials, licences, known vulnerabilities."""
