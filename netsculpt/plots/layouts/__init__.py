"""Where units stand in a drawing: layers in columns, modules in lanes. It needs no matplotlib."""
