"""How the example month is made: people, ledger, story, then one writer for each kind of file."""
