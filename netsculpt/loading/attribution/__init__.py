"""Attribution graphs: from the JSON that the field exchanges to a graph, and back with modules."""
