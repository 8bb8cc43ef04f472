"""How clients come in. The code of these is native; a package here holds the manifest that switches it on."""
