;; Spins until its fuel is gone.
(module
	(func (export "observer")
		(loop $for_ever
			(br $for_ever)))
)
