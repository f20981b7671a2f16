;; Imports WASI's sockets.
(module
	(import "wasi:sockets" "connect" (func))
	(func (export "observer")
		(nop))
)
