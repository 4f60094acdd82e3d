"""What is audited: one module per dataset, the catalogue that finds them, and the download of their files."""
