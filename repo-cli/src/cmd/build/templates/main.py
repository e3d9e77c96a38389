"""The application NAME."""

print("NAME")
