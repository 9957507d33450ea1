"""Parts of the web server benchmark: candidates, the common listener client, and one measured run."""
