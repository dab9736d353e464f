"""What the REST API reads. Every answer carries the feed's position of the very moment it shows.

Lists are paged by key ("rows below this one"), so rows that come in between shift nothing. Keys and
signatures are raw bytes, amounts integers of base units, prices decimals.
"""
