# SPDX-License-Identifier: BSD-3-Clause

man_MANS += \
	man/nbdkit-pool-plugin.1 \
	man/nbdvol.1 \
	man/nbdvol-vdev.7
EXTRA_DIST += \
	man/nbdkit-pool-plugin.pod \
	man/nbdvol.pod \
	man/nbdvol-vdev.pod
CLEANFILES += $(man_MANS)
