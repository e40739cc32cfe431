"""What is shown: tables, figures, videos, and the report, one file without outside parts."""
