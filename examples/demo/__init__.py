"""The parts of the demonstration: a roster, who sends it, who watches, and who checks the books."""
