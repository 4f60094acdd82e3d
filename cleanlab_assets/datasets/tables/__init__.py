"""Tables of the user's own in any usual file: reading them, and finding out what their columns are.

``files`` reads a file as it is, ``delimited`` finds out how text is separated, ``columns`` turns what was read into
columns of a kind, ``profiles`` looks at columns, and ``inference`` says what to take each of them for and why.
"""
