"""What strangers, other users of the machine and single tasks try, and must not achieve."""
