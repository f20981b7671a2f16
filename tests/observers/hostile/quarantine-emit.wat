;; Asks for a function that would make a receipt.
(module
	(import "arkhe:observer/quarantine" "emit" (func (param i32 i32)))
	(func (export "observer")
		(nop))
)
