"""The coordinator: who is in the cluster, and which worker gets a goroutine. It never unpickles anything."""
