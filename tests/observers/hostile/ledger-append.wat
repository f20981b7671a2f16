;; Asks for a function that would change the chain.
(module
	(import "arkhe:observer/ledger" "append" (func (param i32 i32)))
	(func (export "observer")
		(nop))
)
