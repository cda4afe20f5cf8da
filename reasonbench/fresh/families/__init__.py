"""Problem families: each turns a seed and a level into problems, and checks answers."""
