"""What `fuzz.py` is made of: whole files and their readers, by kind; mutations; processes."""
