/* SPDX-License-Identifier: MIT */
/* Faults, whatever the architecture. */
#include "twofold/fault.h"

static bool executable(struct page_flags flags, bool user)
{
	return flags.execute || (user ? flags.execute_user : flags.execute_privileged);
}

enum fault_cause page_fault_predict(const struct page_mapping *mapping, unsigned int access,
				    bool user, bool marks)
{
	struct page_flags flags;

	if (!mapping)
		return FAULT_NOT_MAPPED;
	flags = mapping->flags;
	if (!marks && flags.idle)
		return FAULT_ACCESS_FLAG;
	if (((access & FAULT_READ) != 0 && !flags.read) ||
	    ((access & FAULT_WRITE) != 0 && !flags.write) ||
	    ((access & FAULT_EXECUTE) != 0 && !executable(flags, user)))
		return FAULT_PERMISSION;
	return FAULT_NONE;
}

const char *fault_cause_text(enum fault_cause cause)
{
	switch (cause) {
	case FAULT_NONE:
		return "no fault";
	case FAULT_NOT_MAPPED:
		return "not mapped";
	case FAULT_PERMISSION:
		return "no permission";
	case FAULT_PROTECTION_KEY:
		return "protection key";
	case FAULT_ACCESS_FLAG:
		return "not marked accessed";
	case FAULT_MISCONFIGURED:
		return "reserved bits or values in an entry";
	case FAULT_ADDRESS_SIZE:
		return "address too wide";
	case FAULT_REFUSED:
		return "refused by the tables";
	case FAULT_OTHER:
		return "not a matter of the tables";
	case FAULT_UNKNOWN:
		break;
	}
	return "unknown";
}
