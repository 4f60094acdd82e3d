"""How taggers see tokens: features of a word in its context, and a recurrent network."""
