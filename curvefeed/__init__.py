"""What the wheel installs. In a clone `./run` does the same; the parts lie beside this folder."""
