"""What every flow that launches an algorithm shares: its parameters, its identity, and its output as log lines."""
