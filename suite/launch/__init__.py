"""Where runs are carried out: a plan of groups, and what carries it out."""
