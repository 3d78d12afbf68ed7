"""The way in for the JSON job files of the program before z2.

Nobody wrote down what those files look like, so everything is taken that can be understood, by many names and in many
shapes, and every record comes out as exactly one of: imported, rejected with a reason, or a duplicate of one that is
there already. The original record is kept beside what was made of it.
"""
