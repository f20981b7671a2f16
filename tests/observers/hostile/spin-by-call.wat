;; Spins by tail calls, so that no loop is seen.
(module
	(func $again
		(return_call $again))
	(func (export "observer")
		(call $again))
)
