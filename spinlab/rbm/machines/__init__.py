"""What a machine is: its energy, free energy and gradients, and how it is sampled; one file per machine."""
