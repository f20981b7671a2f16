;; Imports a memory under the name of a function.
(module
	(import "arkhe:observer/pg" "write" (memory 1))
	(func (export "observer")
		(nop))
)
