;; Spins before it is called.
(module
	(func $start
		(loop $for_ever
			(br $for_ever)))
	(start $start)
	(func (export "observer")
		(nop))
)
