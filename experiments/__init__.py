"""What takes longer than a lesson: scripts whose small results are kept with the hash of their code."""
