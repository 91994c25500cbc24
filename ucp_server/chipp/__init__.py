"""The binding for Chipp ACP: checkout sessions of an app."""
