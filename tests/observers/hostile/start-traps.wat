;; Traps before it is called.
(module
	(func $start
		(unreachable))
	(start $start)
	(func (export "observer")
		(nop))
)
