"""Parts for any search: cursors at a point in time, folded words, highlighting, time bounds."""
