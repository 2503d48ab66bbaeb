"""What everything else uses: errors, random streams, catalogues, parallel runs, file writing."""
