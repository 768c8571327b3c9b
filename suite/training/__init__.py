"""Networks of cells, the one training loop, the one way to time and to weigh."""

import os

# with it a product gives the same bits wherever its operands lie in memory, so that replicas together equal
# replicas alone; read by MKL at its first call, ignored by other libraries
os.environ.setdefault("MKL_CBWR", "AUTO")
