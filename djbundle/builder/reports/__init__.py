"""Reports about bundles that are built already: their sizes, known vulnerabilities, differences. No bundle is run."""
