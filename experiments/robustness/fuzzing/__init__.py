"""Parts of `fuzz.py`: files of each kind and checks of their readers; mutations; processes."""
