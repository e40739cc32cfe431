"""Episodes: who plays which starts in which worlds, played side by side, recorded, resumed and replayed."""
