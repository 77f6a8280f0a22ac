/* SPDX-License-Identifier: MIT */
#ifndef PAGING_ARRAY_SIZE_H
#define PAGING_ARRAY_SIZE_H

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

#endif
