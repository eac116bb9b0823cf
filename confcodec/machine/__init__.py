"""What the machine gives: processors, files and disks, signals, text for terminals."""
