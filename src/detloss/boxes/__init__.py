"""Operations on boxes that are not losses: overlap measures, suppression, matching costs, conversions."""
