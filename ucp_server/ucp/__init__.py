"""The binding for UCP: four dated releases over one engine. `binding.Binding` is the way in."""
