import { managedFieldsWarning } from '#api';
import type { AdmissionAttributes } from '../admission/admission.ts';
import { dedupOwnerReferences } from '../fields/owner-references.ts';
import type { RegistryEnvironment, WriteScope } from './scope.ts';

/**
 * Lets admission change the object. What it makes of managedFields must be readable, or it is put back, with a warning; owner references that
 * stand twice go.
 * Source: NewManagedFieldsValidatingAdmissionController, apiserver pkg/endpoints/handlers/fieldmanager/admission.go v1.36.
 */
export async function admitted(
  { admission }: Pick<RegistryEnvironment, 'admission'>,
  attributes: AdmissionAttributes,
  { warn }: Pick<WriteScope, 'warn'>,
): Promise<void> {
  const { object } = attributes;
  const before = object?.metadata.managedFields;
  await admission.admit(attributes);
  if (object === undefined) return;
  dedupOwnerReferences(object, warn, 'after admission');
  if (object.metadata.managedFields === before) return;
  const warning = managedFieldsWarning(object.metadata.managedFields);
  if (warning === undefined) return;
  if (before === undefined) delete object.metadata.managedFields;
  else object.metadata.managedFields = before;
  warn(warning);
}
