"""Values in a file: `database` is the storage, the rest its parts."""
