# SPDX-License-Identifier: MIT OR Apache-2.0
"""What tests/run is made of."""
