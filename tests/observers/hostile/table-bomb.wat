;; Declares a table of a million functions.
(module
	(table 1000000 funcref)
	(func (export "observer")
		(nop))
)
