"""One outside system per module; services translate its errors at their edge."""
