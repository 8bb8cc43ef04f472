"""What the server can do beyond its endpoints. The code of these is native; a package here holds the manifest."""
