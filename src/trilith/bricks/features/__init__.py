"""What the server can do beyond its endpoints. The code is native; a package here holds the manifest."""
