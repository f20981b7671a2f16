;; Declares 64 MiB.
(module
	(memory (export "memory") 1024)
	(func (export "observer")
		(nop))
)
