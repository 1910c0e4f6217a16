"""Does next to nothing: too little to judge."""
