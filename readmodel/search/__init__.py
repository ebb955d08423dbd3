"""Parts that any search needs: cursors at a point in time, folded words, highlighting, time bounds."""
