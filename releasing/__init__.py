"""What a release needs: the checks of its files, and its standing beside the last one's."""
