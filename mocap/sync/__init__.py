"""From the frames' own clocks to one common clock."""
