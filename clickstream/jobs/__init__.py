"""Jobs of sites: state, schedules in force, runs with fencing, and their history."""
